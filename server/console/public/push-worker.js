// Shows what a push service brings, also when no page is open; a click opens the alert.
self.addEventListener("push", (event) => {
  const { id, title, body, url } = event.data.json();
  const shown = { body, tag: id, data: url, renotify: true, requireInteraction: true };
  event.waitUntil(self.registration.showNotification(title, shown));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(self.clients.openWindow(event.notification.data || "/"));
});
