"""The statements that keep the mirror. Each one guards the version and the owner itself, whatever races."""

PARTNER = """
    INSERT INTO client_partners (psp_id, name, is_active, rate_limit_per_minute, version, deleted_at, synced_at)
    VALUES (%s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (psp_id) DO UPDATE SET
        name = excluded.name, is_active = excluded.is_active,
        rate_limit_per_minute = excluded.rate_limit_per_minute, version = excluded.version,
        deleted_at = excluded.deleted_at, synced_at = excluded.synced_at
    WHERE client_partners.version < excluded.version
    RETURNING 1
"""
MERCHANT = """
    INSERT INTO merchants (merchant_id, psp_id, merchant_code, name, is_active, version, deleted_at, synced_at)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (merchant_id) DO UPDATE SET
        merchant_code = excluded.merchant_code, name = excluded.name, is_active = excluded.is_active,
        version = excluded.version,
        deleted_at = excluded.deleted_at, synced_at = excluded.synced_at
    WHERE merchants.version < excluded.version AND merchants.psp_id = excluded.psp_id
    RETURNING 1
"""
STORE = """
    INSERT INTO stores (store_id, psp_id, merchant_id, store_code, name, is_active, version, deleted_at, synced_at)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (store_id) DO UPDATE SET
        store_code = excluded.store_code, name = excluded.name, is_active = excluded.is_active,
        version = excluded.version,
        deleted_at = excluded.deleted_at, synced_at = excluded.synced_at
    WHERE stores.version < excluded.version
      AND stores.psp_id = excluded.psp_id AND stores.merchant_id = excluded.merchant_id
    RETURNING 1
"""
CONFIG = """
    INSERT INTO store_provider_configs (id, created_at, psp_id, merchant_id, store_id, provider_name, account,
                                        api_key_encrypted, enabled, livemode, version, deleted_at, synced_at)
    VALUES (%s, %s, %s, %s, %s, %s, %s::jsonb, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (psp_id, merchant_id, store_id, provider_name) DO UPDATE SET
        account = excluded.account, api_key_encrypted = excluded.api_key_encrypted, enabled = excluded.enabled,
        livemode = excluded.livemode, version = excluded.version, deleted_at = excluded.deleted_at,
        synced_at = excluded.synced_at
    WHERE store_provider_configs.version < excluded.version
    RETURNING 1
"""
# Whether the row is this owner's.
FIND = {
    "partner": "SELECT 1 FROM client_partners WHERE psp_id = %s",
    "merchant": "SELECT 1 FROM merchants WHERE merchant_id = %s AND psp_id = %s",
    "store": "SELECT 1 FROM stores WHERE store_id = %s AND psp_id = %s AND merchant_id = %s",
    "provider_config": "SELECT 1 FROM store_provider_configs"
    " WHERE psp_id = %s AND merchant_id = %s AND store_id = %s AND provider_name = %s",
}
