// Small conveniences of the console's pages; every page works without.
(function () {
  "use strict";

  function two(number) { return String(number).padStart(2, "0"); }

  function onOurClocks(at) {
    return at.getFullYear() + "-" + two(at.getMonth() + 1) + "-" + two(at.getDate()) + " " + two(at.getHours()) + ":" + two(at.getMinutes());
  }

  function timesOnOurClocks(root) {
    root.querySelectorAll("time[datetime]:not([title])").forEach(function (one) {
      var at = new Date(one.getAttribute("datetime"));
      if (isNaN(at)) return;
      one.title = one.textContent;
      one.textContent = onOurClocks(at);
    });
  }

  // What happens elsewhere comes as server-sent events: each one is the text of an element with that id, or "reload".
  function follow(root) {
    root.querySelectorAll("[data-follows]").forEach(function (one) {
      if (one.following) return;
      var source = (one.following = new EventSource(one.dataset.follows));
      source.addEventListener("words", function (event) {
        var words = JSON.parse(event.data);
        Object.keys(words).forEach(function (id) {
          var told = document.getElementById(id);
          if (!told) return;
          if (told.tagName === "PROGRESS") told.value = words[id];
          else told.textContent = Number(words[id]).toLocaleString("en-US");
        });
      });
      source.addEventListener("ended", function () {
        source.close();
        location.replace(location.pathname);
      });
      addEventListener("pagehide", function () { source.close(); });
    });
  }

  function ready(root) {
    timesOnOurClocks(root);
    follow(root);
  }

  document.addEventListener("click", function (event) {
    var press = event.target.closest("[data-copies]");
    if (!press) return;
    var text = press.parentElement.querySelector("code").textContent;
    navigator.clipboard.writeText(text).then(function () {
      var was = press.textContent;
      press.textContent = press.dataset.copied;
      setTimeout(function () { press.textContent = was; }, 2000);
    });
  });

  document.addEventListener("change", function (event) {
    if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
  });

  // The forms below a page lead back to it as it is filtered now.
  document.addEventListener("htmx:pushedIntoHistory", function (event) {
    document.querySelectorAll(".foot [name=back]").forEach(function (one) {
      one.value = event.detail.path.replace(/^\/console/, "");
    });
  });

  document.addEventListener("htmx:load", function (event) { ready(event.target); });
  // What was done is said once: loading the page again does not say it again.
  function sayOnce() {
    var here = new URL(location.href);
    if (!here.searchParams.has("done")) return;
    here.searchParams.delete("done");
    history.replaceState(history.state, "", here);
  }

  document.addEventListener("DOMContentLoaded", function () {
    sayOnce();
    document.documentElement.classList.add("scripted");
    ready(document);
  });
})();
