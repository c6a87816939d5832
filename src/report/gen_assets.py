"""Turn the page's style sheet and script into C strings, without comments and indentation.

    gen_assets.py page.css page.js assets.h

Nothing cleverer is done to them: what matters is that they are small next to
the columns, and that they can be read where they are written.
"""
import re
import sys


def squeeze_css(text):
    text = re.sub(r'/\*.*?\*/', '', text, flags=re.S)
    text = re.sub(r'\s+', ' ', text)
    text = re.sub(r' ?([{};,]) ?', r'\1', text)
    text = re.sub(r': ', ':', text)
    return text.replace(';}', '}').strip()


def squeeze_js(text):
    lines = [line.strip() for line in text.splitlines()]
    return '\n'.join(line for line in lines if line and not line.startswith('//'))


def literal(name, text):
    # The page stands in HTML, where these would end the element early.
    assert '</' not in text and '<!--' not in text, name
    lines = []
    data = text.encode('utf-8')
    for at in range(0, len(data), 80):
        part = ''
        for byte in data[at:at + 80]:
            if byte == 10:
                part += '\\n'
            elif byte in b'"\\?':
                part += '\\' + chr(byte)
            elif 32 <= byte < 127:
                part += chr(byte)
            else:
                part += '\\%03o' % byte
        lines.append('    "%s"' % part)
    return 'static const char %s[] =\n%s;\n' % (name, '\n'.join(lines))


def main():
    css, js, out = sys.argv[1:]
    with open(css, encoding='utf-8') as file:
        style = squeeze_css(file.read())
    with open(js, encoding='utf-8') as file:
        script = squeeze_js(file.read())
    with open(out, 'w', encoding='ascii') as file:
        file.write('/* Made by gen_assets.py; do not edit. */\n')
        file.write(literal('page_style', style))
        file.write(literal('page_script', script))


main()
