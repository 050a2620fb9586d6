-- 20,000 targets, each sent in turn with one of 7 blocks of header fields: 140,000 heads before one is repeated.
-- They are made before the load begins, so that the load generator's own cost stays small.
local TARGETS = 20000
local common = "Accept-Encoding: gzip, deflate, br, zstd\r\n"
local chrome = "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36\r\n"
   .. 'sec-ch-ua: "Chromium";v="141", "Not?A_Brand";v="8"\r\nsec-ch-ua-mobile: ?0\r\nsec-ch-ua-platform: "Linux"\r\n'
local firefox = "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0\r\n"
local blocks = {
   chrome .. common .. "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"
      .. "Accept-Language: en-GB,en;q=0.9\r\nUpgrade-Insecure-Requests: 1\r\nSec-Fetch-Site: none\r\n"
      .. "Sec-Fetch-Mode: navigate\r\nSec-Fetch-User: ?1\r\nSec-Fetch-Dest: document\r\n",
   chrome .. common .. "Accept: */*\r\nAccept-Language: en-GB,en;q=0.9\r\nSec-Fetch-Site: same-origin\r\n"
      .. "Sec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\nCookie: session=4f1c9a7be2d84c0f; theme=dark\r\n",
   chrome .. common .. "Accept: image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8\r\n"
      .. "Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: image\r\n",
   firefox .. common .. "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
      .. "Accept-Language: de,en-US;q=0.7,en;q=0.3\r\nSec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\n"
      .. "Sec-Fetch-Site: none\r\nSec-Fetch-User: ?1\r\nPriority: u=0, i\r\n",
   firefox .. common .. "Accept: application/json\r\nCache-Control: no-cache\r\nPragma: no-cache\r\nDNT: 1\r\n",
   "User-Agent: curl/8.14.1\r\nAccept: */*\r\n",
   common .. "User-Agent: python-httpx/0.28.1\r\nAccept: */*\r\nAuthorization: Bearer 0123456789abcdef\r\n",
}
local starts = {}
local count = 0

function init(arguments)
   for i = 1, TARGETS do
      starts[i] = string.format("GET /items/%d?page=%d&q=word%d HTTP/1.1\r\nHost: %s\r\n",
         i, i % 17, i * 31 % 1009, wrk.headers["Host"])
   end
   for i, block in ipairs(blocks) do blocks[i] = block .. "\r\n" end
end

function request()
   count = count + 1
   return starts[count % TARGETS + 1] .. blocks[count % #blocks + 1]
end
