// Calls the endpoint from the documentation. The token stays in its field: it is neither stored nor put into an address.
(function () {
  "use strict";

  var SHOWN = ["X-Hongshu-Cost", "X-Hongshu-Balance", "X-Hongshu-Source", "X-Hongshu-Cache", "Age", "RateLimit", "Retry-After", "X-Request-Id"];

  function ready() {
    var form = document.getElementById("try");
    var part = {};
    ["token", "user", "cursor", "next", "answer", "said", "headers"].forEach(function (name) {
      part[name] = document.getElementById("try-" + name);
    });
    var curl = form.parentElement.querySelector(".copied code");
    var body = part.answer.querySelector(".copied code");
    var rows = part.headers.querySelector("tbody");
    var button = form.querySelector("button.main");

    function question() {
      var query = new URLSearchParams({ userId: part.user.value.trim() });
      if (part.cursor.value.trim()) query.set("lastCursor", part.cursor.value.trim());
      return form.dataset.path + "?" + query;
    }

    function retell() {
      curl.textContent = 'curl -H "Authorization: Bearer $TOKEN" ' + quoted(form.dataset.address + question());
    }

    function row(name, value) {
      var line = rows.insertRow();
      var head = document.createElement("th");
      head.scope = "row";
      head.textContent = name;
      line.append(head);
      line.insertCell().textContent = value;
    }

    function show(answer, text, took) {
      var told = read(text);
      row(rows.dataset.status, answer.status);
      if (told) row(rows.dataset.code, told.code);
      row(rows.dataset.time, took + " ms");
      SHOWN.forEach(function (name) {
        if (answer.headers.has(name)) row(name, answer.headers.get(name));
      });
      body.textContent = told ? indented(text) : text;
      part.said.textContent = told ? told.code + " " + (told.message || "✓") : String(answer.status);
      var notes = (told && told.data && told.data.has_more && told.data.notes) || [];
      part.next.hidden = !notes.length;
      part.next.dataset.cursor = notes.length ? notes[notes.length - 1].cursor : "";
    }

    function call() {
      var began = performance.now();
      button.disabled = true;
      part.next.hidden = true;
      part.answer.hidden = false;
      part.said.textContent = form.dataset.waiting;
      rows.replaceChildren();
      body.textContent = "";
      fetch(question(), {
        headers: { Authorization: "Bearer " + part.token.value.trim() },
        credentials: "omit",
        referrerPolicy: "no-referrer"
      }).then(function (answer) {
        return answer.text().then(function (text) { show(answer, text, Math.round(performance.now() - began)); });
      }).catch(function () {
        part.said.textContent = form.dataset.failed;
      }).finally(function () {
        button.disabled = false;
      });
    }

    form.addEventListener("input", retell);
    form.addEventListener("submit", function (event) {
      event.preventDefault();
      call();
    });
    part.next.addEventListener("click", function () {
      part.cursor.value = part.next.dataset.cursor;
      retell();
      call();
    });
  }

  function quoted(text) { return "'" + text.replace(/'/g, "'\\''") + "'"; }

  function read(text) {
    try { return JSON.parse(text); } catch (error) { return null; }
  }

  // Indents JSON as it stands: what a parser would read could lose digits.
  function indented(text) {
    var depth = 0, opened = false;
    return text.replace(/"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s"{}\[\],:]+|\s+/g, function (piece) {
      if (/^\s/.test(piece)) return "";
      if (piece === "}" || piece === "]") {
        depth -= 1;
        piece = opened ? piece : line(depth) + piece;
        opened = false;
        return piece;
      }
      var before = opened ? line(depth) : "";
      opened = piece === "{" || piece === "[";
      if (opened) depth += 1;
      if (piece === ",") return "," + line(depth);
      return before + (piece === ":" ? ": " : piece);
    });
  }

  function line(depth) { return "\n" + "  ".repeat(depth); }

  document.addEventListener("DOMContentLoaded", ready);
})();
