// The token of the link that opened the page. The cookie, which browsers send to other ports of the machine as well, only
// shows; the token, which also controls, stays where pages of other ports cannot read.

const KEY = "gradus.token";

let token = null;

/** Takes the token out of the address, so that it is not copied from there; else that of an earlier page. */
export function takeToken() {
  token = new URLSearchParams(location.search).get("token");
  try {
    if (token) localStorage.setItem(KEY, token);
    token = localStorage.getItem(KEY);
  } catch {
    // A browser may keep nothing: then the page that was opened with the link controls, and no other.
  }
  if (location.search.includes("token=")) history.replaceState(null, "", location.pathname + location.hash);
}

/** A request with the token. */
export function authorized(request = {}) {
  return token ? { ...request, headers: { Authorization: `Bearer ${token}` } } : request;
}
