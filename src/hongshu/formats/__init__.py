"""Notes as text, both ways: pure functions between bytes from outside and the words of the house."""
