"""Prints the first page of a creator's notes as JSON. Needs requests."""

import requests

ADDRESS = "http://127.0.0.1:8787"
TOKEN = "YOUR_TOKEN"
USER_ID = "5c2f338a000000000701e1c6"

answer = requests.get(
    f"{ADDRESS}/api/xiaohongshu/get-user-note-list/v4",
    params={"token": TOKEN, "userId": USER_ID},
    timeout=60,
)
print(answer.text)
