"""The gateway's room: from an HTTP request of any client to the engine and back."""
