#!/usr/bin/env bash
# Prints the first page of a creator's notes as JSON. Needs curl.
set -euo pipefail

ADDRESS="http://127.0.0.1:8787"
TOKEN="YOUR_TOKEN"
USER_ID="5c2f338a000000000701e1c6"

curl --silent --show-error --max-time 60 --get "$ADDRESS/api/xiaohongshu/get-user-note-list/v4" \
  --data-urlencode "token=$TOKEN" \
  --data-urlencode "userId=$USER_ID"
