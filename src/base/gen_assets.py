"""Turn files into a C header of constants.

    gen_assets.py OUT NAME=FILE...

JSON is checked and loses its white space; HTML, CSS and JavaScript lose comments of whole lines,
indentation and empty lines. An HTML file takes others in where it says <!-- include NAME -->, and gets
a second constant, NAME_policy: a Content-Security-Policy that allows its own script and style, by
their digests, and requests to its own host, and nothing else.
"""
import base64
import hashlib
import json
import re
import sys


def squeeze(path, text):
    if path.endswith('.json'):
        return json.dumps(json.loads(text), ensure_ascii=True, separators=(',', ':'))
    text = re.sub(r'^\s*/\*.*?\*/\s*$', '', text, flags=re.S | re.M) if path.endswith('.css') else text
    lines = [line.strip() for line in text.splitlines()]
    return '\n'.join(line for line in lines if line and not line.startswith('//')) + '\n'


def literal(name, text):
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


def policy(html):
    def digests(tag):
        found = re.findall('<%s>(.*?)</%s>' % (tag, tag), html, re.S)
        return ' '.join("'sha256-%s'" % base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
                        for text in found)
    return ("default-src 'none'; script-src %s; style-src %s; connect-src 'self'; img-src data:; base-uri 'none'; "
            "form-action 'none'; frame-ancestors 'none'" % (digests('script'), digests('style')))


def main():
    out, inputs = sys.argv[1], [argument.split('=', 1) for argument in sys.argv[2:]]
    texts = {}
    for name, path in inputs:
        with open(path, encoding='utf-8') as file:
            texts[name] = squeeze(path, file.read())
    included = set()
    for name in texts:
        def take(match):
            included.add(match.group(1))
            return texts[match.group(1)]
        texts[name] = re.sub(r'<!-- include (\w+) -->', take, texts[name])
    with open(out, 'w', encoding='ascii') as file:
        file.write('/* Made by gen_assets.py; do not edit. */\n')
        for name, text in texts.items():
            if name not in included:
                file.write(literal(name, text))
                if '<html' in text:
                    file.write(literal(name + '_policy', policy(text)))


main()
