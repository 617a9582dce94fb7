"""What only the shell needs: documents drawn as text, the doctor, history."""
