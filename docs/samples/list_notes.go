// Prints the first page of a creator's notes as JSON. Run it with: go run list_notes.go
package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"time"
)

const (
	address = "http://127.0.0.1:8787"
	token   = "YOUR_TOKEN"
	userID  = "5c2f338a000000000701e1c6"
)

func main() {
	query := url.Values{"token": {token}, "userId": {userID}}
	client := http.Client{Timeout: 60 * time.Second}
	answer, err := client.Get(address + "/api/xiaohongshu/get-user-note-list/v4?" + query.Encode())
	if err != nil {
		log.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(body))
}
