"""The driver: reads a sweep file, asks for trials, stops the weak ones and records every score."""
