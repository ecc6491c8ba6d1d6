-- Prints the outcome of a run of wrk as one line of JSON; defines nothing that would cost time in the run itself.
done = function(summary, latency)
  local e = summary.errors
  io.write(string.format(
    'outcome {"answers": %d, "seconds": %.6f, "p50_ms": %.3f, "p99_ms": %.3f, "failures": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    e.connect + e.read + e.write + e.status + e.timeout))
end
