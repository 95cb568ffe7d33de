// A mistake that is opened asks once for its clip.
element.addEventListener(
  "toggle",
  async (event) => {
    const place = event.target.open && event.target.querySelector("[data-clip]:empty");
    if (!place) return;
    place.textContent = "Aligning its frames and measuring their motion\u2026";
    try {
      place.innerHTML = await server.show_clip(place.dataset.clip);
    } catch (error) {
      place.textContent = `The clip cannot be shown: ${error.message}`;
    }
  },
  true, // it does not bubble
);
