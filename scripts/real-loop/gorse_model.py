"""The model server of the loop with the one route of Gorse that it lacks: a list for everybody."""
import model_server
from model_server import app


@app.get("/api/latest")
def latest(n: int = 10):
    # Counted at the training: deletions change the events while other calls are answered.
    popular = model_server.trained.get("popular") or model_server.popular()
    return [{"Id": item, "Score": score} for item, score in popular[:n]]
