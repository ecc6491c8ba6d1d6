"""The HTTP side: the V4 route as a plain handler, Starlette for everything around it."""
