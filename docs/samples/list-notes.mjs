// Prints the first page of a creator's notes as JSON. Needs Node.js 18 or newer.

const ADDRESS = "http://127.0.0.1:8787";
const TOKEN = "YOUR_TOKEN";
const USER_ID = "5c2f338a000000000701e1c6";

const query = new URLSearchParams({ token: TOKEN, userId: USER_ID });
const answer = await fetch(`${ADDRESS}/api/xiaohongshu/get-user-note-list/v4?${query}`, {
  signal: AbortSignal.timeout(60_000),
});
console.log(await answer.text());
