-- Asks Keystile's /forward-auth door whether a request may pass.
--
--   http-request lua.keystile /forward-auth
--   http-request lua.keystile /forward-auth?tenant=acme&permission=orders.read
--
-- An allowed request goes on with txn.keystile_allowed set, without its key, and
-- with identity headers that Keystile wrote. A refusal is answered as Keystile words
-- it. Everything else (no answer, an answer that is not Keystile's, an error in this
-- script) leaves the variable unset, and the rule after this one in haproxy.cfg
-- refuses what has it unset.

-- The section of haproxy.cfg that leads to Keystile. It sets the time that is waited;
-- this one is only for when the section itself does not answer, and HAProxy tries four
-- times.
local ask_at, timeout_ms = "http://127.0.0.1:8001", 2000

-- What the names of identity headers begin with (--identity-header-prefix), in lower
-- case. All six come with every success, empty rather than absent.
local prefix = "x-keystile-"
local identity = { "tenant", "user", "key", "roles", "api", "decision" }

-- Keystile's own headers, whatever the prefix of the others.
local own = "x-keystile-"

-- What of the client's Keystile needs to see, all the values of each: of two keys
-- it must see both. "cookie" belongs here with --credential-cookie.
local asked_with = { "authorization", "x-api-key", "origin", "access-control-request-method" }

-- The headers that hold a key. The upstream has no use for it.
local credentials = { ["authorization"] = true, ["x-api-key"] = true }

-- What a refusal takes along to the client.
local refused_with = {
  "content-type", "cache-control", "www-authenticate", "retry-after",
  "ratelimit", "ratelimit-policy", "x-keystile-reason", prefix .. "decision",
}
local refusals = { [401] = true, [403] = true, [429] = true, [503] = true }

local function begins(text, with) return text:sub(1, #with) == with end

-- All the values of a header, in their order. HAProxy counts them from 0, Lua from 1.
local function values(headers, name)
  local out, given = {}, headers[name] or {}
  for i = 0, #given do out[#out + 1] = given[i] end
  return out
end

-- The question: the request as it stands, told in headers.
local function question(txn, headers)
  local ask = {}
  for _, name in ipairs(asked_with) do ask[name] = values(headers, name) end
  ask["x-forwarded-method"] = { txn.f:method() }
  -- Two hosts stay two, which Keystile refuses.
  ask["x-forwarded-host"] = headers["host"] and values(headers, "host") or { "" }
  -- pathq is what the upstream gets: path and query, nothing decoded or resolved.
  ask["x-forwarded-uri"] = { txn.f:pathq() or "" }
  -- What other proxies have said of the client, and on its right what is seen here.
  local via = values(headers, "x-forwarded-for")
  via[#via + 1] = txn.f:src()
  ask["x-forwarded-for"] = { table.concat(via, ", ") }
  return ask
end

-- Removes the key, and every spelling of what only Keystile may say: frameworks that
-- turn names into variables take '-', '_' and '.' for the same.
local function strip(txn, headers)
  for name in pairs(headers) do
    local plain = name:lower():gsub("[^%w]", "-")
    if begins(plain, prefix) or begins(plain, own) or credentials[plain] then
      txn.http:req_del_header(name)
    end
  end
end

local function first(headers, name) return (headers[name] or {})[0] end

local function refuse(txn, res)
  local reply = txn:reply({ status = res.status, body = res.body })
  for _, name in ipairs(refused_with) do
    local value = first(res.headers, name)
    if value then reply:add_header(name, value) end
  end
  txn:done(reply)
end

local function keystile(txn, door)
  -- First, so that an error below can't leave an earlier question's answer standing.
  txn:set_var("txn.keystile_allowed", false)
  local headers = txn.http:req_get_headers()
  local ask = question(txn, headers)
  strip(txn, headers)

  local res = core.httpclient():get({ url = ask_at .. door, headers = ask, timeout = timeout_ms })
  if not res or not res.headers then return end
  if refusals[res.status] and first(res.headers, "x-keystile-reason") then
    return refuse(txn, res)
  end
  if res.status ~= 200 then return end

  -- Whatever answers 200 without these is not Keystile's door.
  for _, name in ipairs(identity) do
    if not first(res.headers, prefix .. name) then return end
  end
  for _, name in ipairs(identity) do
    txn.http:req_set_header(prefix .. name, first(res.headers, prefix .. name))
  end
  -- An API on its way out says so to the client: haproxy.cfg puts these on the answer.
  for _, name in ipairs({ "deprecation", "sunset" }) do
    local value = first(res.headers, name)
    if value then txn:set_var("txn.keystile_" .. name, value) end
  end
  txn:set_var("txn.keystile_allowed", true)
end

core.register_action("keystile", { "http-req" }, keystile, 1)
