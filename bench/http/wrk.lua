-- How wrk asks and what it tells. Arguments: method, file with the body ('' = none), 'close' for a connection per request.
function init(args)
  wrk.method = args[1]
  if args[2] ~= '' then
    local file = assert(io.open(args[2], 'rb'))
    wrk.body = file:read('*a')
    file:close()
  end
  if args[3] == 'close' then wrk.headers['Connection'] = 'close' end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'figures {"requests":%d,"seconds":%f,"bytes":%d,"errors":%d,"p50Us":%f,"p99Us":%f}\n',
    summary.requests, summary.duration / 1e6, summary.bytes,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50), latency:percentile(99)
  ))
end
