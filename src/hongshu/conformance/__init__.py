"""The conformance kit: drives any V4 server and says where it deviates from the contract, and what that cost."""
