"""Readers: one module for each format, each giving records."""
