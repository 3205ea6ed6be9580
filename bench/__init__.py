"""How fast the platform does its main job, measured from outside over HTTP and compared with the bare database."""
