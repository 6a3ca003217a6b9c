// A vortex of particles that leave trails on a canvas. `blow` makes it turn faster for a while.

const AREA = 400; // square pixels for each particle
const LIFE = 160;
const FADE = 0.02;
const INWARD = 0.14;

export function startWind(canvas) {
  const context = canvas.getContext("2d");
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const particles = [];
  let width = 0, height = 0, centreX = 0, centreY = 0, reach = 0;
  let colour = "", strength = 1, visible = true, running = false;

  function place(particle) {
    const angle = Math.random() * Math.PI * 2;
    const distance = Math.sqrt(Math.random()) * reach * 1.25;
    particle.x = centreX + Math.cos(angle) * distance;
    particle.y = centreY + Math.sin(angle) * distance * 0.8;
    particle.age = Math.random() * LIFE;
  }

  // Fast around an eye, slower outside, and a little inward: a storm seen from above.
  function move(particle) {
    const x = (particle.x - centreX) / reach;
    const y = (particle.y - centreY) / (reach * 0.8);
    const distance = Math.hypot(x, y) + 1e-6;
    const eye = 0.12;
    const turn = distance < eye ? distance / eye : (eye / distance) ** 0.55;
    const speed = turn * 3.1 * Math.min(strength, 6);
    const stepX = ((-y - x * INWARD) / distance) * speed;
    const stepY = ((x - y * INWARD) / distance) * speed * 0.8;
    context.moveTo(particle.x, particle.y);
    particle.x += stepX;
    particle.y += stepY;
    context.lineTo(particle.x, particle.y);
    particle.age += 1;
    if (particle.age > LIFE || distance < 0.05) place(particle);
  }

  function draw() {
    context.strokeStyle = colour;
    context.lineWidth = 1;
    for (const [from, alpha] of [[0, 0.28], [1, 0.5], [2, 0.85]]) {
      context.globalAlpha = alpha;
      context.beginPath();
      for (let i = from; i < particles.length; i += 3) move(particles[i]);
      context.stroke();
    }
    context.globalAlpha = 1;
  }

  function fade(amount) {
    context.globalCompositeOperation = "destination-out";
    context.fillStyle = `rgba(0, 0, 0, ${amount})`;
    context.fillRect(0, 0, width, height);
    context.globalCompositeOperation = "source-over";
  }

  function resize() {
    const scale = Math.min(devicePixelRatio || 1, 2);
    width = canvas.clientWidth;
    height = canvas.clientHeight;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    context.setTransform(scale, 0, 0, scale, 0, 0);
    const narrow = width < 640;
    centreX = width * (narrow ? 0.56 : 0.7);
    centreY = height * (narrow ? 0.27 : 0.43);
    reach = narrow ? width * 0.62 : Math.max(width * 0.48, height * 0.75);
    particles.length = 0;
    for (let i = 0; i < (width * height) / AREA; i += 1) {
      const particle = {};
      place(particle);
      particles.push(particle);
    }
    colour = getComputedStyle(canvas).color;
    // Start with trails already there; with reduced motion, this is the whole picture.
    const steps = still.matches ? 50 : 110;
    for (let step = 0; step < steps; step += 1) {
      if (!still.matches) fade(FADE);
      draw();
    }
  }

  function frame() {
    if (still.matches || !visible || document.hidden) {
      running = false;
      return;
    }
    strength += (1 - strength) * 0.02;
    fade(FADE);
    draw();
    requestAnimationFrame(frame);
  }

  function run() {
    if (running || still.matches || !visible || document.hidden) return;
    running = true;
    requestAnimationFrame(frame);
  }

  new ResizeObserver(() => { resize(); run(); }).observe(canvas);
  new IntersectionObserver(([entry]) => { visible = entry.isIntersecting; run(); }).observe(canvas);
  document.addEventListener("visibilitychange", run);
  for (const source of [still, matchMedia("(prefers-color-scheme: dark)")]) source.addEventListener("change", resize);
  addEventListener("themechange", resize);

  return { blow(amount) { strength = Math.min(strength + amount, 6); } };
}
