// Requests to the API, with the token where there is one.

/** Take the token out of the address, so that it is in no bookmark and no screenshot. */
export function keepToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!given) return;
  sessionStorage.setItem("token", given);
  history.replaceState(null, "", location.pathname);
}

/** The answer's JSON; throws an Error with `status` (none when nobody answers). */
export async function ask(method, path, body) {
  const headers = { Authorization: `Bearer ${sessionStorage.getItem("token") ?? ""}` };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  if (answer.status === 204) return null;
  const told = await answer.json();
  if (answer.ok) return told;
  throw Object.assign(new Error(told.detail ?? answer.statusText), { status: answer.status });
}
