"""Where news goes: webhooks, chat and mail."""
