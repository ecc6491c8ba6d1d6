<?php
// Prints the first page of a creator's notes as JSON. Needs the curl extension.

const ADDRESS = "http://127.0.0.1:8787";
const TOKEN = "YOUR_TOKEN";
const USER_ID = "5c2f338a000000000701e1c6";

$query = http_build_query(["token" => TOKEN, "userId" => USER_ID]);
$call = curl_init(ADDRESS . "/api/xiaohongshu/get-user-note-list/v4?" . $query);
curl_setopt_array($call, [CURLOPT_RETURNTRANSFER => true, CURLOPT_TIMEOUT => 60]);
$answer = curl_exec($call);
if ($answer === false) {
    fwrite(STDERR, curl_error($call) . "\n");
    exit(1);
}
echo $answer, "\n";
