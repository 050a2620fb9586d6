from flask import Flask, flash, get_flashed_messages, redirect, request, session, url_for

app = Flask(__name__)
app.secret_key = "for this VM alone"

PAGE = """<!doctype html><title>{title}</title><h1>{title}</h1>{messages}{body}"""
FORM = """<form method="post"><label>Name <input name="name"></label>
<label>Password <input name="password" type="password"></label><button>Log in</button></form>"""
OUT = """<form method="post" action="/logout"><button>Log out</button></form>"""


def page(title, body):
    messages = "".join(f"<p role=alert>{text}</p>" for text in get_flashed_messages())
    return PAGE.format(title=title, messages=messages, body=body)


@app.get("/")
def index():
    if "name" not in session:
        return redirect(url_for("login"))
    return page(f"Hello {session['name']}", OUT)


@app.route("/login", methods=["GET", "POST"])
def login():
    if request.method == "POST":
        if request.form["password"] == "open sesame":
            session["name"] = request.form["name"]
            return redirect(url_for("index", _external=True), 303)
        flash("Wrong password")
        return redirect(request.url)
    return page("Log in", FORM)


@app.post("/logout")
def logout():
    session.clear()
    return redirect(url_for("login"))


@app.get("/redirects/<kind>")
def redirects(kind):
    return redirect(
        {
            "relative": "cookies",
            "path": url_for("cookies"),
            "absolute": url_for("cookies", _external=True),
            "address": "http://127.0.0.1:5000/cookies",
            "elsewhere": "https://example.org/cookies",
        }[kind]
    )


@app.get("/folder/")
def folder():
    return "in the folder"


@app.get("/cookies")
def cookies():
    answer = app.make_response(dict(request.cookies))
    answer.set_cookie("plain", "1")
    answer.set_cookie("domain", "2", domain="localhost")
    answer.set_cookie("strict", "3", httponly=True, samesite="Strict", max_age=600)
    answer.set_cookie("below", "4", path="/elsewhere")
    return answer
