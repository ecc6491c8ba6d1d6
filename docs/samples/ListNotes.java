// Prints the first page of a creator's notes as JSON. Needs Java 11 or newer; run it with: java ListNotes.java

import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;

public class ListNotes {
    static final String ADDRESS = "http://127.0.0.1:8787";
    static final String TOKEN = "YOUR_TOKEN";
    static final String USER_ID = "5c2f338a000000000701e1c6";

    public static void main(String[] arguments) throws Exception {
        String query = "token=" + URLEncoder.encode(TOKEN, StandardCharsets.UTF_8)
            + "&userId=" + URLEncoder.encode(USER_ID, StandardCharsets.UTF_8);
        HttpRequest request = HttpRequest.newBuilder()
            .uri(URI.create(ADDRESS + "/api/xiaohongshu/get-user-note-list/v4?" + query))
            .timeout(Duration.ofSeconds(60))
            .build();
        HttpResponse<String> answer = HttpClient.newHttpClient()
            .send(request, HttpResponse.BodyHandlers.ofString());
        System.out.println(answer.body());
    }
}
