"""`streamlit run app.py` opens the decision panel."""

from desk.main import main

main()
