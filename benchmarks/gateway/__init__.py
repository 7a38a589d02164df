"""The gateway beside a bare reverse proxy and beside another gateway, under the same load."""
