/** A PDF of one page for each text, written here byte by byte; letters of Spanish are Latin-1. */
export function pdf(title: string, pages: string[]): Buffer {
  const escape = (text: string) => text.replace(/[()\\]/g, (c) => `\\${c}`);
  const first = 5;
  const kids = pages.map((_, page) => `${first + page * 2} 0 R`).join(' ');
  const objects = [
    '<< /Type /Catalog /Pages 2 0 R >>',
    `<< /Type /Pages /Kids [${kids}] /Count ${pages.length} >>`,
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>',
    `<< /Title (${escape(title)}) >>`,
  ];
  pages.forEach((text, page) => {
    const lines = text.split('\n').map((line) => `(${escape(line)}) Tj T*`);
    const content = `BT /F1 11 Tf 14 TL 60 780 Td\n${lines.join('\n')}\nET`;
    objects.push(
      `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >> /Contents ${first + page * 2 + 1} 0 R >>`,
      `<< /Length ${content.length} >>\nstream\n${content}\nendstream`,
    );
  });
  let out = '%PDF-1.4\n';
  const offsets = objects.map((object, index) => {
    const at = out.length;
    out += `${index + 1} 0 obj\n${object}\nendobj\n`;
    return at;
  });
  const start = out.length;
  out += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n`;
  out += offsets.map((at) => `${String(at).padStart(10, '0')} 00000 n \n`).join('');
  out += `trailer\n<< /Size ${objects.length + 1} /Root 1 0 R /Info 4 0 R >>\nstartxref\n${start}\n%%EOF\n`;
  return Buffer.from(out, 'latin1');
}

/** A PDF that breaks off. */
export const brokenPdf = (): Buffer => pdf('Roto', ['Falta el resto.']).subarray(0, 200);

export const POLICY =
  'Los clientes pueden devolver cualquier producto dentro de los treinta días\n' +
  'siguientes a la compra si conservan el recibo. La garantía cubre los defectos\n' +
  'de fabricación durante dos años.';
