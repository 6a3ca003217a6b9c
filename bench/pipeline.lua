-- Sixteen requests in one write.
init = function(args)
  local requests = {}
  for i = 1, 16 do
    requests[i] = wrk.format("GET", "/")
  end
  block = table.concat(requests)
end

request = function()
  return block
end
