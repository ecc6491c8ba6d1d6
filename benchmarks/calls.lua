-- Asks for several paths in turn. Every call has a line of its own among its headers: the first argument and a number.
dofile("wrk.lua")

local starts, line, asked = {}, "", 0

init = function(args)
  line = args[1]
  for i = 2, #args do
    starts[#starts + 1] = wrk.format("GET", args[i]):sub(1, -3) .. line
  end
end

request = function()
  asked = asked + 1
  return starts[asked % #starts + 1] .. asked .. "\r\n\r\n"
end
