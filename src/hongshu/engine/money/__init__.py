"""Money: who may call, what it costs, how much and how fast; pure decisions, and the transactions that write them."""
