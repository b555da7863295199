// @ts-check
// Loaded with every page, so it does little: where a workshop is, its script comes; and a plain click on an artifact's card
// opens it beside its chat. Where there is no chat, or when loading fails, the card is the link that it is.
const look = () => {
  if (!document.querySelector('cj-workshop')) return;
  seeing.disconnect();
  void import('./workshop.js');
};
const seeing = new MutationObserver(look);
seeing.observe(document.documentElement, { childList: true, subtree: true });
look();
document.addEventListener(
  'click',
  (event) => {
    const link = event.target instanceof Element ? event.target.closest('a[data-artifact]') : null;
    const stage = link && document.getElementById('conversation')?.closest('.stage');
    const plain = !event.button && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
    if (!(link instanceof HTMLAnchorElement) || !stage || !plain || event.defaultPrevented) return;
    // Before the page's own router hears of it.
    event.preventDefault();
    const panel = stage.querySelector('cj-panel') ?? stage.appendChild(document.createElement('cj-panel'));
    import('./workshop.js').then(
      () => panel.dispatchEvent(new CustomEvent('artifact', { detail: link })),
      () => location.assign(link.href),
    );
  },
  true,
);
