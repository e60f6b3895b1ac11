"""Two pipelines over three reviews: one counts the words of each, the other adds up."""

WORDS = '''\
import headwater as hw


@hw.pipeline(input=hw.files("reviews", glob="/*"))
def words(reviews, out):
    """Counts words."""
    for file in reviews.files():
        print("counting", file.path)
        out.write(file.name, f"{len(file.read_text().split())}\\n")
'''
TOTAL = """\
name: total
input: {files: {repo: words, glob: /}}
transform:
  command: cat "$HEADWATER_INPUT"/words/* | awk '{n += $1} END {print n}' > "$HEADWATER_OUTPUT/total.txt"
"""
REVIEWS = {"1.txt": "A fine film.", "2.txt": "Too long.", "3.txt": "Very funny, and short."}
