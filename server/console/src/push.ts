// Notifications in this browser: what the browser's push service needs to know is sent by the form around the button.

export function offerPush(): void {
  const form = document.querySelector<HTMLFormElement>("form[data-push]");
  if (form === null || !("serviceWorker" in navigator) || !("PushManager" in window)) {
    return; // without HTTPS, or a browser that has none
  }
  form.hidden = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void subscribe(form);
  });
}

async function subscribe(form: HTMLFormElement): Promise<void> {
  const said = form.querySelector<HTMLElement>("[data-push-failed]");
  try {
    const registration = await navigator.serviceWorker.register("/static/push-worker.js");
    await active(registration);
    const subscription = await registration.pushManager.subscribe({
      userVisibleOnly: true,
      applicationServerKey: form.dataset["push"]!,
    });
    form.querySelector<HTMLInputElement>("input[name=address]")!.value = JSON.stringify(subscription);
    form.submit();
  } catch (error) {
    console.warn("no notifications in this browser", error);
    said?.removeAttribute("hidden");
  }
}

// The worker's scope has no pages, so that `navigator.serviceWorker.ready` would never come.
function active(registration: ServiceWorkerRegistration): Promise<void> {
  const worker = registration.installing ?? registration.waiting;
  return new Promise((resolve) => {
    if (worker === null) {
      resolve();
    } else {
      worker.addEventListener("statechange", () => worker.state === "activated" && resolve());
    }
  });
}
