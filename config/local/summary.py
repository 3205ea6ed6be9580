"""What to open and how to log in, once the platform is up."""

import json
from pathlib import Path

from config.local.options import Options


def summary(demo_file: Path, *, options: Options) -> str:
    """The addresses and credentials of the demo tenant, as text."""
    demo = json.loads(demo_file.read_text())
    admin, psp = demo["admin"], demo["psp"]
    return f"""
  API          {demo["base_url"]}/v1        reference: {demo["base_url"]}/v1/docs
  console      {demo["base_url"]}/admin/
               {admin["email"]}  {admin["password"]}
               one-time codes from {admin["totp_secret"]}
  terminals    {demo["ws_url"]}
  simulator    {demo["simulator_url"]}/__truth
  demo         PSP {psp["id"]} (API key {psp["api_key"]}), merchant {demo["merchant_id"]}, store {demo["store_id"]}
  everything   {demo_file}
  logs         {options.state / "logs"}
"""
