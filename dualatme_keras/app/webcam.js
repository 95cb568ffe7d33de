// Records frames, not a compressed video, whose losses are larger than a micro-expression, and gives them to
// the page's own input of files: what becomes of them is what becomes of all uploads.
const video = element.querySelector("video");
const record = element.querySelector("button");
const seconds = element.querySelector("select");
const status = element.querySelector("[role=status]");
const MOST_WIDTH = 640;

function fill(input, value) {
  Object.getOwnPropertyDescriptor(input.constructor.prototype, "value").set.call(input, value);
  input.dispatchEvent(new Event("input", { bubbles: true }));
}

function capture(duration) {
  const canvas = document.createElement("canvas");
  const scale = Math.min(1, MOST_WIDTH / video.videoWidth);
  canvas.width = Math.round(video.videoWidth * scale);
  canvas.height = Math.round(video.videoHeight * scale);
  const context = canvas.getContext("2d");
  const frames = [], times = [];
  return new Promise((resolve, reject) => {
    // A camera that is gone gives no frame that could end this.
    const late = setTimeout(() => reject(new Error("a camera that gives no more frames")), 1000 * duration + 3000);
    function take(now) {
      if (times.length && now - times[0] > 1000 * duration) {
        clearTimeout(late);
        Promise.all(frames).then((blobs) => resolve([blobs, times]));
        return;
      }
      context.drawImage(video, 0, 0, canvas.width, canvas.height);
      times.push(now);
      frames.push(new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.95)));
      video.requestVideoFrameCallback(take);
    }
    video.requestVideoFrameCallback(take);
  });
}

async function run() {
  const stream = await navigator.mediaDevices.getUserMedia({ video: { frameRate: { ideal: 60 } }, audio: false });
  try {
    video.hidden = false;
    video.srcObject = stream;
    await video.play();
    for (let left = 3; left > 0; left--) {
      status.textContent = `Look into the camera, without expression. ${left}`;
      await new Promise((done) => setTimeout(done, 1000));
    }
    status.textContent = "Recording";
    const [blobs, times] = await capture(Number(seconds.value));
    const rate = (1000 * (times.length - 1)) / (times[times.length - 1] - times[0]);
    status.textContent = `Recorded ${blobs.length} frames, ${rate.toFixed(1)} a second. See the answer below.`;
    fill(document.querySelector("#webcam_rate input, #webcam_rate textarea"), rate.toFixed(2));
    const files = new DataTransfer();
    blobs.forEach((blob, number) =>
      files.items.add(new File([blob], `webcam_${String(number).padStart(4, "0")}.jpg`, { type: "image/jpeg" })));
    const input = document.querySelector("#frames input[type=file]");
    input.files = files.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  } finally {
    stream.getTracks().forEach((track) => track.stop());
    video.srcObject = null;
    video.hidden = true;
  }
}

record.addEventListener("click", async () => {
  record.disabled = true;
  try {
    await run();
  } catch (error) {
    status.textContent = `Expected a camera that this page may use. Received: ${error.message}.`;
  } finally {
    record.disabled = false;
  }
});
