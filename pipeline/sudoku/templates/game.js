"use strict";
const LEVELS = ["easy", "medium", "hard", "expert"];
const KEPT_GAMES = 40, KEPT_MOVES = 400;
const $ = id => document.getElementById(id);
const alone = $("game") ? JSON.parse($("game").textContent) : null;

let game = null; // what does not change: level, seed, clues, pictures by cell, solution
let state = null; // what the player did; kept in the browser
let picked = 40, marks = { wrong: [], hint: null }, mine = null, shownAt = null;
const cells = [];

// --- storage: it may be full or forbidden; the game goes on without it -----------------------------
function recall(key) {
  try { return JSON.parse(localStorage.getItem(`sudoku ${key}`)); } catch { return null; }
}
function keep(key, value) {
  try { localStorage.setItem(`sudoku ${key}`, JSON.stringify(value)); } catch { /* as above */ }
}
const keyOf = ({ level, seed }) => `game ${level} ${seed}`;
function save() {
  count();
  state.saved = Date.now();
  keep(keyOf(game), state);
  keep("last", { level: game.level, seed: game.seed });
}
function forgetOldGames() {
  try {
    const games = Object.keys(localStorage).filter(key => key.startsWith("sudoku game "))
      .map(key => [key, JSON.parse(localStorage.getItem(key)).saved ?? 0]).sort((a, b) => b[1] - a[1]);
    for (const [key] of games.slice(KEPT_GAMES)) localStorage.removeItem(key);
  } catch { /* as above */ }
}
const newState = clues => ({ cells: [...clues], notes: Array(81).fill(0), ruled: Array(81).fill(0), done: [], undone: [], seconds: 0, solved: false });
function isState(found, clues) {
  const numbers = (list, most) => Array.isArray(list) && list.length === 81
    && list.every(n => Number.isInteger(n) && n >= 0 && n <= most);
  return found && numbers(found.cells, 9) && numbers(found.notes, ALL) && numbers(found.ruled, ALL)
    && Array.isArray(found.done) && Array.isArray(found.undone) && found.seconds >= 0
    && clues.every((clue, cell) => !clue || found.cells[cell] === clue);
}

// --- the board --------------------------------------------------------------------------------------
function build() {
  for (const row of NINE) {
    const line = $("board").appendChild(document.createElement("div"));
    line.className = "row";
    line.setAttribute("role", "row");
    for (const column of NINE) {
      const cell = line.appendChild(document.createElement("div"));
      cell.className = "cell";
      cell.setAttribute("role", "gridcell");
      cell.setAttribute("aria-colindex", column + 1);
      cell.style.setProperty("--order", row + column);
      const number = 9 * row + column;
      cell.addEventListener("pointerdown", () => pick(number));
      cell.addEventListener("focus", () => { if (picked !== number) pick(number); });
      cells.push(cell);
    }
    line.setAttribute("aria-rowindex", row + 1);
  }
  for (let digit = 1; digit <= 9; digit++) {
    const button = $("pad").appendChild(document.createElement("button"));
    button.type = "button";
    button.append(String(digit), document.createElement("small"));
    button.addEventListener("click", () => enter(digit, $("notes").ariaPressed === "true"));
  }
}

function show() {
  const board = state.cells, digit = board[picked];
  const conflicts = conflictsOf(board), hint = marks.hint;
  $("board").classList.toggle("solved", state.solved);
  cells.forEach((cell, number) => {
    const value = board[number], isClue = game.clues[number] > 0;
    const isConflict = conflicts.includes(number), isWrong = marks.wrong.includes(number);
    const has = {
      clue: isClue, picked: number === picked, peer: PEERS[picked].includes(number),
      same: digit && value === digit && number !== picked, conflict: isConflict, wrong: isWrong,
      cause: hint?.cause.includes(number),
      hinted: hint?.place?.cell === number || hint?.wrong === number || hint?.removes?.some(each => each.cell === number),
    };
    for (const [name, is] of Object.entries(has)) cell.classList.toggle(name, Boolean(is));
    cell.tabIndex = number === picked ? 0 : -1;
    cell.setAttribute("aria-selected", number === picked);
    fill(cell, number, value, isClue);
    const notes = digitsOf(state.notes[number]);
    const content = value ? `${value}${isClue ? ", clue" : ""}` : notes.length ? `notes ${listed(notes)}` : "blank";
    cell.setAttribute("aria-label", `Row ${rowOf(number) + 1}, column ${columnOf(number) + 1}: ${content}`
      + (isWrong ? ", wrong" : isConflict ? ", in conflict" : ""));
  });
  [...$("pad").children].forEach((button, n) => {
    const left = 9 - board.filter(value => value === n + 1).length;
    button.lastChild.textContent = left > 0 ? left : "✓";
    button.classList.toggle("done", left <= 0);
    button.setAttribute("aria-label", `${n + 1}, ${left > 0 ? `${left} left` : "done"}`);
  });
  $("undo").disabled = !state.done.length;
  $("redo").disabled = !state.undone.length;
  const picture = game.pictures.get(picked);
  $("about-cell").textContent = picture
    ? `A generated sample, read as ${picture.class} with confidence ${picture.confidence.toFixed(3)}` : "";
}

// Rebuild a cell only where what it shows has changed.
function fill(cell, number, value, isClue) {
  const png = isClue ? game.pictures.get(number).png : value && mine ? mine[value][number % mine[value].length].png : "";
  const now = `${value} ${state.notes[number]} ${png.length} ${png.slice(-24)}`;
  if (cell.dataset.now === now) return;
  cell.dataset.now = now;
  cell.replaceChildren();
  if (png) {
    const drawn = cell.appendChild(document.createElement("span"));
    drawn.className = "ink";
    showInk(drawn, png);
  } else if (value) {
    cell.textContent = value;
  } else if (state.notes[number]) {
    const notes = cell.appendChild(document.createElement("span"));
    notes.className = "notes";
    for (const n of NINE) {
      notes.appendChild(document.createElement("span")).textContent = state.notes[number] >> n & 1 ? n + 1 : "";
    }
  }
}

function pick(number, focus = false) {
  picked = number;
  show();
  if (focus) cells[number].focus();
}

function say(title, text, kind = "") {
  const strong = document.createElement("strong");
  strong.textContent = title;
  $("message").replaceChildren(strong, text);
  $("message").className = `message ${kind}`;
}

// --- moves: each is a list of [cell, digit and notes before, digit and notes after] ------------------
function move(changes) {
  const real = changes.filter(([, before, after]) => before[0] !== after[0] || before[1] !== after[1]);
  if (!real.length || state.solved) return;
  apply(real, 2);
  state.done.push(real);
  state.done.splice(0, state.done.length - KEPT_MOVES);
  state.undone = [];
  finish();
}
function apply(changes, side) {
  for (const change of changes) [state.cells[change[0]], state.notes[change[0]]] = change[side];
  marks = { wrong: [], hint: null };
}
const at = cell => [state.cells[cell], state.notes[cell]];

function enter(digit, isNote) {
  if (game.clues[picked]) return say("A clue", "Clues stay as they are.");
  if (isNote) {
    if (state.cells[picked]) return say("Filled", "Erase the digit to write notes.");
    return move([[picked, at(picked), [0, state.notes[picked] ^ bitOf(digit)]]]);
  }
  if (state.cells[picked] === digit) return erase();
  const changes = [[picked, at(picked), [digit, 0]]];
  for (const peer of PEERS[picked]) {
    if (state.notes[peer] & bitOf(digit)) changes.push([peer, at(peer), [0, state.notes[peer] & ~bitOf(digit)]]);
  }
  move(changes);
}
function erase() {
  if (game.clues[picked]) return say("A clue", "Clues stay as they are.");
  move([[picked, at(picked), [0, 0]]]);
}
function undo() {
  if (!state.done.length || state.solved) return;
  const changes = state.done.pop();
  apply(changes, 1);
  state.undone.push(changes);
  pick(changes[0][0]);
  finish();
}
function redo() {
  if (!state.undone.length || state.solved) return;
  const changes = state.undone.pop();
  apply(changes, 2);
  state.done.push(changes);
  pick(changes[0][0]);
  finish();
}
function finish() {
  const conflicts = conflictsOf(state.cells);
  if (!state.cells.includes(0) && !conflicts.length) {
    count();
    state.solved = true;
    celebrate();
  } else if (!state.cells.includes(0)) {
    say("Almost", "The board is full, but some digits are in conflict.", "bad");
  } else if (conflicts.includes(picked) && state.cells[picked]) {
    say("In conflict", `${state.cells[picked]} is already in the row, column or box of ${nameOf(picked)}.`, "bad");
  } else {
    progress();
  }
  save();
  show();
}
function progress() {
  const left = state.cells.filter(value => !value).length;
  say(left === 81 - game.clues.filter(Boolean).length ? "Good luck" : "Go on", `${left} cells are blank.`);
}
function celebrate() {
  say("Solved", `${game.level} board ${game.seed} in ${clockText()}.`, "good");
  $("solved-text").textContent = `The ${game.level} board ${game.seed}, in ${clockText()}.`;
  $("parade").replaceChildren();
  for (let digit = 1; digit <= 9; digit++) {
    const picture = [...game.pictures.values()].find(each => each.class === digit);
    if (!picture) continue;
    const drawn = $("parade").appendChild(document.createElement("span"));
    drawn.className = "ink";
    drawn.style.setProperty("--order", digit);
    showInk(drawn, picture.png);
  }
  $("solved").showModal();
}

// --- help ---------------------------------------------------------------------------------------------
function check() {
  if (state.solved) return;
  marks = { hint: null, wrong: CELLS.filter(cell => state.cells[cell] && state.cells[cell] !== game.solution[cell]) };
  const count = marks.wrong.length;
  if (count) say(count === 1 ? "One digit is wrong" : `${count} digits are wrong`, "They are marked.", "bad");
  else say("All right so far", `${state.cells.filter(value => !value).length} cells are blank.`, "good");
  show();
}
// The first press explains, the second one does it.
function hint() {
  if (state.solved) return;
  if (marks.hint) return follow(marks.hint);
  const wrong = CELLS.find(cell => state.cells[cell] && state.cells[cell] !== game.solution[cell]);
  let step = wrong === undefined ? nextStep(state.cells, state.ruled)
    : { title: "A mistake", text: `The ${state.cells[wrong]} in ${nameOf(wrong)} is wrong.`, cause: [], wrong };
  if (!step) {
    const cell = state.cells.indexOf(0);
    step = { title: "Hard to see", text: `In ${nameOf(cell)} is a ${game.solution[cell]}.`, cause: [], place: { cell, digit: game.solution[cell] } };
  }
  marks = { wrong: [], hint: step };
  picked = step.place?.cell ?? step.wrong ?? step.removes[0].cell;
  const then = step.place ? " Hint again fills it in." : step.removes ? " Hint again does it." : " Hint again erases it.";
  say(step.title, step.text + then);
  show();
}
function follow(step) {
  if (step.place) {
    picked = step.place.cell;
    if (state.cells[picked] !== step.place.digit) enter(step.place.digit, false);
  } else if (step.wrong !== undefined) {
    picked = step.wrong;
    erase();
  } else {
    const changes = [];
    for (const { cell, digits } of step.removes) {
      const bits = digits.reduce((sum, digit) => sum | bitOf(digit), 0);
      state.ruled[cell] |= bits;
      if (state.notes[cell] & bits) changes.push([cell, at(cell), [0, state.notes[cell] & ~bits]]);
    }
    marks = { wrong: [], hint: null };
    move(changes);
    say("Kept in mind", "Later hints know it.");
    save();
    show();
  }
}

// --- time: runs while the page is seen and the board is not solved -------------------------------------
function count() {
  const now = Date.now();
  if (shownAt !== null && !state.solved) state.seconds += (now - shownAt) / 1000;
  shownAt = document.hidden ? null : now;
}
function clockText() {
  const seconds = Math.floor(state.seconds), two = n => String(n).padStart(2, "0");
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes}:${two(seconds % 60)}` : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(seconds % 60)}`;
}
function tick() {
  if (!state) return;
  count();
  $("clock").textContent = clockText();
}

// --- games ------------------------------------------------------------------------------------------------
async function fetched(address) {
  const answer = await fetch(address);
  const content = await answer.json();
  if (!answer.ok) throw new Error(content.error);
  return content;
}
async function open(level, seed) {
  let found;
  try {
    found = alone ?? await fetched(`api/puzzle?level=${level}&seed=${seed}`);
  } catch (error) {
    return say("No board", error instanceof TypeError ? "The server does not answer." : error.message, "bad");
  }
  const solution = solve(found.clues);
  game = { ...found, solution, pictures: new Map(found.pictures.map(each => [each.cell, each])) };
  mine = null;
  const kept = recall(keyOf(game));
  state = isState(kept, game.clues) ? kept : newState(game.clues);
  marks = { wrong: [], hint: null };
  shownAt = null;
  picked = state.cells.indexOf(0) < 0 ? 40 : state.cells.indexOf(0);
  $("title").textContent = `${game.level} · board ${game.seed}`;
  document.title = `Sudoku: ${game.level}, board ${game.seed}`;
  for (const radio of document.querySelectorAll("[name=level]")) radio.checked = radio.value === game.level;
  if (state.solved) say("Solved", `${game.level} board ${game.seed} in ${clockText()}.`, "good");
  else progress();
  tick();
  show();
  save();
  if ($("generated").checked) await showMine();
  document.body.dataset.ready = `${game.level} ${game.seed}`;
}
async function showMine() {
  const isOn = $("generated").checked;
  keep("generated", isOn);
  try {
    if (!isOn) mine = null;
    else if (alone) mine = alone.digits;
    else {
      const lists = await Promise.all(NINE.map(n => fetched(`api/digits?label=${n + 1}&count=9&seed=${game.seed}`)));
      mine = Object.fromEntries(lists.map(list => [list.label, list.pictures]));
    }
  } catch {
    $("generated").checked = false;
    say("No digits", "The server does not answer.", "bad");
  }
  show();
}
function begin(level) {
  const seed = crypto.getRandomValues(new Uint32Array(1))[0] % 1_000_000;
  history.pushState(null, "", `?level=${level}&seed=${seed}`);
  open(level, seed);
}
function openAddressed() {
  const asked = new URLSearchParams(location.search), last = recall("last");
  let level = asked.get("level"), seed = asked.get("seed");
  if (level === null && seed === null && last && LEVELS.includes(last.level) && Number.isInteger(last.seed)) ({ level, seed } = last);
  level ??= "easy";
  seed ??= Math.floor(Math.random() * 1_000_000);
  if (!alone) history.replaceState(null, "", `?level=${level}&seed=${seed}`);
  return open(level, seed);
}

// --- what the player does -----------------------------------------------------------------------------------
const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
const ONES = { n: () => $("notes").click(), h: hint, c: check };
document.addEventListener("keydown", event => {
  if (!game || event.altKey || event.target.closest("dialog, input[type=radio], summary, a")) return;
  const key = event.key, control = event.ctrlKey || event.metaKey;
  const digit = /^(Digit|Numpad)([1-9])$/.exec(event.code)?.[2] ?? /^[1-9]$/.exec(key)?.[0];
  const row = rowOf(picked), column = columnOf(picked);
  if (control && key.toLowerCase() === "z") event.shiftKey ? redo() : undo();
  else if (control && key.toLowerCase() === "y") redo();
  else if (control) return;
  else if (ARROWS[key]) pick((row + ARROWS[key][0] + 9) % 9 * 9 + (column + ARROWS[key][1] + 9) % 9, true);
  else if (key === "Home") pick(9 * row, true);
  else if (key === "End") pick(9 * row + 8, true);
  else if (digit) enter(Number(digit), event.shiftKey || $("notes").ariaPressed === "true");
  else if (["Delete", "Backspace", "0"].includes(key)) erase();
  else if (ONES[key.toLowerCase()]) ONES[key.toLowerCase()]();
  else return;
  event.preventDefault();
});
$("notes").addEventListener("click", () => { $("notes").ariaPressed = String($("notes").ariaPressed !== "true"); });
$("erase").addEventListener("click", erase);
$("undo").addEventListener("click", undo);
$("redo").addEventListener("click", redo);
$("hint").addEventListener("click", hint);
$("check").addEventListener("click", check);
$("generated").addEventListener("change", showMine);
$("print").addEventListener("click", () => print());
$("open-about").addEventListener("click", () => $("about").showModal());
$("restart").addEventListener("click", () => {
  if (state.done.length && !state.solved && !confirm("Erase all of your digits and notes?")) return;
  state = newState(game.clues);
  marks = { wrong: [], hint: null };
  shownAt = document.hidden ? null : Date.now();
  progress();
  save();
  show();
});
$("share").addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText(location.href);
    say("Copied", "Who opens the link gets this board with the same digits.", "good");
  } catch {
    say("The link", location.href);
  }
});
$("new").addEventListener("submit", event => {
  event.preventDefault();
  begin(new FormData($("new")).get("level") ?? "easy");
});
addEventListener("popstate", openAddressed);
document.addEventListener("visibilitychange", () => { if (state) { count(); save(); } });
addEventListener("pagehide", () => { if (state) save(); });

build();
$("generated").checked = recall("generated") === true;
forgetOldGames();
openAddressed();
setInterval(tick, 500);
