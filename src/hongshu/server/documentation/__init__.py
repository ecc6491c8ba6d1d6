"""The endpoint's documentation as pages: generated from what the server itself goes by."""
