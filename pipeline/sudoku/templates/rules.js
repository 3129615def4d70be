// Rules, solver and hints. Cells are 0 to 80, row by row; candidates are sets of digits as bits.
const ALL = 0b111111111;
const CELLS = [...Array(81).keys()];
const NINE = [...Array(9).keys()];
const bitOf = digit => 1 << (digit - 1);
const digitsOf = bits => NINE.filter(n => bits >> n & 1).map(n => n + 1);
const sizeOf = bits => digitsOf(bits).length;
const rowOf = cell => Math.floor(cell / 9);
const columnOf = cell => cell % 9;
const boxOf = cell => Math.floor(rowOf(cell) / 3) * 3 + Math.floor(columnOf(cell) / 3);
const PLACES = ["top left", "top middle", "top right", "middle left", "centre", "middle right",
  "bottom left", "bottom middle", "bottom right"];
const ROWS = NINE.map(n => ({ name: `row ${n + 1}`, cells: CELLS.filter(c => rowOf(c) === n) }));
const COLUMNS = NINE.map(n => ({ name: `column ${n + 1}`, cells: CELLS.filter(c => columnOf(c) === n) }));
const BOXES = NINE.map(n => ({ name: `the ${PLACES[n]} box`, cells: CELLS.filter(c => boxOf(c) === n) }));
const LINES = [...ROWS, ...COLUMNS];
const UNITS = [...LINES, ...BOXES];
const PEERS = CELLS.map(cell => CELLS.filter(other => other !== cell && (rowOf(other) === rowOf(cell)
  || columnOf(other) === columnOf(cell) || boxOf(other) === boxOf(cell))));
const nameOf = cell => `row ${rowOf(cell) + 1}, column ${columnOf(cell) + 1}`;
const listed = words => words.length < 2 ? words.join("")
  : `${words.slice(0, -1).join(", ")} and ${words[words.length - 1]}`;

function candidatesOf(board) {
  return CELLS.map(cell => board[cell] ? 0
    : PEERS[cell].reduce((left, peer) => board[peer] ? left & ~bitOf(board[peer]) : left, ALL));
}

function solve(board) {
  const left = candidatesOf(board);
  let best = -1;
  for (const cell of CELLS) {
    if (!board[cell] && (best < 0 || sizeOf(left[cell]) < sizeOf(left[best]))) best = cell;
  }
  if (best < 0) return board;
  for (const digit of digitsOf(left[best])) {
    const found = solve(board.with(best, digit));
    if (found) return found;
  }
  return null;
}

function conflictsOf(board) {
  return CELLS.filter(cell => board[cell] && PEERS[cell].some(peer => board[peer] === board[cell]));
}

function* choices(items, size, from = 0) {
  if (!size) { yield []; return; }
  for (let at = from; at <= items.length - size; at++) {
    for (const rest of choices(items, size - 1, at + 1)) yield [items[at], ...rest];
  }
}

// A step says what to place, or which candidates to remove, and from which cells one sees it.
// Null where the removal removes nothing.
function removal(left, title, text, cause, targets, bits) {
  const removes = targets.filter(cell => left[cell] & bits)
    .map(cell => ({ cell, digits: digitsOf(left[cell] & bits) }));
  if (!removes.length) return null;
  const gone = removes.map(({ cell, digits }) => `${listed(digits)} from ${nameOf(cell)}`);
  return { title, text: `${text} So remove ${listed(gone)}.`, cause, removes };
}

function* onlyPlaces(left, units) {
  for (const unit of units) {
    for (let digit = 1; digit <= 9; digit++) {
      const places = unit.cells.filter(cell => left[cell] & bitOf(digit));
      if (places.length === 1) {
        const blanks = unit.cells.filter(cell => left[cell]);
        yield {
          title: blanks.length === 1 ? "Last blank cell" : "Only place",
          text: blanks.length === 1 ? `All of ${unit.name} but ${nameOf(places[0])} is filled: ${digit} is missing.`
            : `In ${unit.name}, ${digit} fits nowhere but in ${nameOf(places[0])}.`,
          cause: unit.cells, place: { cell: places[0], digit },
        };
      }
    }
  }
}

function* onlyDigits(left) {
  for (const cell of CELLS) {
    if (sizeOf(left[cell]) === 1) {
      const [digit] = digitsOf(left[cell]);
      yield {
        title: "Only digit", text: `No digit but ${digit} is left for ${nameOf(cell)}.`,
        cause: PEERS[cell], place: { cell, digit },
      };
    }
  }
}

function* lockedCandidates(left) {
  for (const box of BOXES) {
    for (const line of LINES) {
      const common = box.cells.filter(cell => line.cells.includes(cell));
      if (!common.length) continue;
      const inBox = box.cells.filter(cell => !common.includes(cell));
      const inLine = line.cells.filter(cell => !common.includes(cell));
      for (let digit = 1; digit <= 9; digit++) {
        const has = cells => cells.some(cell => left[cell] & bitOf(digit));
        const cause = common.filter(cell => left[cell] & bitOf(digit));
        if (!cause.length) continue;
        if (!has(inBox)) {
          yield removal(left, "Pointing", `In ${box.name}, ${digit} can only be in ${line.name}.`, cause, inLine, bitOf(digit));
        }
        if (!has(inLine)) {
          yield removal(left, "Claiming", `In ${line.name}, ${digit} can only be in ${box.name}.`, cause, inBox, bitOf(digit));
        }
      }
    }
  }
}

const SIZES = { 2: "pair", 3: "triple" };

function* nakedSets(left, size) {
  for (const unit of UNITS) {
    const cells = unit.cells.filter(cell => left[cell] && sizeOf(left[cell]) <= size);
    for (const chosen of choices(cells, size)) {
      const bits = chosen.reduce((sum, cell) => sum | left[cell], 0);
      if (sizeOf(bits) === size) {
        yield removal(left, `Naked ${SIZES[size]}`,
          `In ${unit.name}, ${listed(chosen.map(nameOf))} hold ${listed(digitsOf(bits))} among them, in some order.`,
          chosen, unit.cells.filter(cell => !chosen.includes(cell)), bits);
      }
    }
  }
}

function* hiddenSets(left, size) {
  for (const unit of UNITS) {
    const placesOf = digit => unit.cells.filter(cell => left[cell] & bitOf(digit));
    const digits = NINE.map(n => n + 1).filter(digit => placesOf(digit).length && placesOf(digit).length <= size);
    for (const chosen of choices(digits, size)) {
      const cells = unit.cells.filter(cell => chosen.some(digit => left[cell] & bitOf(digit)));
      if (cells.length === size) {
        yield removal(left, `Hidden ${SIZES[size]}`,
          `In ${unit.name}, ${listed(chosen)} fit nowhere but in ${listed(cells.map(nameOf))}, which hold nothing else.`,
          cells, cells, ALL & ~chosen.reduce((sum, digit) => sum | bitOf(digit), 0));
      }
    }
  }
}

function* fish(left, size) {
  for (const [lines, across, word] of [[ROWS, COLUMNS, "columns"], [COLUMNS, ROWS, "rows"]]) {
    for (let digit = 1; digit <= 9; digit++) {
      const placesIn = line => NINE.filter(n => left[line.cells[n]] & bitOf(digit));
      const fitting = lines.filter(line => placesIn(line).length >= 2 && placesIn(line).length <= size);
      for (const chosen of choices(fitting, size)) {
        const places = [...new Set(chosen.flatMap(placesIn))].sort();
        if (places.length !== size) continue;
        const inside = chosen.flatMap(line => line.cells);
        yield removal(left, size === 2 ? "X-wing" : "Swordfish",
          `In ${listed(chosen.map(line => line.name))}, ${digit} can only be in the ${word} ${listed(places.map(n => n + 1))}: each of these has its ${digit} there.`,
          inside.filter(cell => left[cell] & bitOf(digit)),
          places.flatMap(n => across[n].cells).filter(cell => !inside.includes(cell)), bitOf(digit));
      }
    }
  }
}

function* wings(left) {
  const pairs = CELLS.filter(cell => sizeOf(left[cell]) === 2);
  for (const pivot of pairs) {
    const seen = pairs.filter(cell => PEERS[pivot].includes(cell));
    for (const [one, other] of choices(seen, 2)) {
      const z = left[one] & left[other];
      if (sizeOf(z) === 1 && (left[one] ^ left[other]) === left[pivot]) {
        yield removal(left, "XY-wing",
          `Whichever of ${listed(digitsOf(left[pivot]))} is in ${nameOf(pivot)}, one of ${nameOf(one)} and ${nameOf(other)} is ${digitsOf(z)[0]}.`,
          [pivot, one, other], PEERS[one].filter(cell => PEERS[other].includes(cell)), z);
      }
    }
  }
}

// Return the easiest step from a board; `ruled` says which candidates earlier hints removed: bits of
// each cell. Null where no technique helps.
function nextStep(board, ruled) {
  const left = candidatesOf(board).map((bits, cell) => bits & ~ruled[cell]);
  const techniques = [
    () => onlyPlaces(left, BOXES), () => onlyPlaces(left, LINES), () => onlyDigits(left),
    () => lockedCandidates(left), () => nakedSets(left, 2), () => hiddenSets(left, 2),
    () => nakedSets(left, 3), () => hiddenSets(left, 3), () => fish(left, 2), () => wings(left),
    () => fish(left, 3),
  ];
  for (const find of techniques) {
    for (const step of find()) if (step) return step;
  }
  return null;
}
