"""Bytes in, bytes out: with ``agentbay.local`` the only place where aiohttp appears."""
