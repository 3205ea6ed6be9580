"""The local platform: embedded servers, every process of MPAC and one supervisor, for `make run` and the tests.

Nothing in here is used in production, where DATABASE_URL and REDIS_URL name real servers and an orchestrator
runs the processes of the image. Importable without Django.
"""
