// A mistake that is opened asks for its clip. Another run takes the places of an earlier one, so an answer may
// come too late.
element.addEventListener(
  "toggle",
  async (event) => {
    const place = event.target.open && event.target.querySelector("[data-path]:not(:has(figure))");
    if (!place) return;
    const { run, path } = place.dataset;
    place.innerHTML = "<p role=status>Aligning its frames and measuring their motion\u2026</p>";
    const answer = await server
      .show_clip([run, path])
      .catch(() => `<p role=alert class=error>The clip cannot be shown: open the mistake again.</p>`);
    if (place.dataset.run === run && place.dataset.path === path) place.innerHTML = answer;
  },
  true, // it does not bubble
);
