"""Write a script of Redis' as a C header, with the SHA-1 by which Redis calls it: embed.py SCRIPT HEADER."""
import hashlib
import sys

text = open(sys.argv[1], "rb").read()
with open(sys.argv[2], "w", encoding="ascii") as out:
    out.write(f'static const char script_sha1[] = "{hashlib.sha1(text).hexdigest()}";\n')
    out.write("static const char script_text[] = {\n")
    for at in range(0, len(text), 20):
        out.write("    " + "".join(f"{byte}," for byte in text[at:at + 20]) + "\n")
    out.write("    0};\n")
