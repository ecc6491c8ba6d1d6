"""The Python client of the endpoint: `Client` waits, `AsyncClient` runs many calls at once.

One core without input or output (`asking`, `answers`, `walking`) says what to send and when to stop; each client is the
driver that carries its steps out.
"""

from hongshu.client.awaiting import AsyncClient, AsyncNotes
from hongshu.client.blocking import Client, Notes
from hongshu.client.notes import Note, Page

__all__ = ["AsyncClient", "AsyncNotes", "Client", "Note", "Notes", "Page"]
