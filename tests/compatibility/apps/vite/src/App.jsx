import { useState } from "react";

export default function App() {
  const [count, setCount] = useState(0);
  return (
    <>
      <h1>As it was</h1>
      <button onClick={() => setCount(count + 1)}>pressed {count} times</button>
    </>
  );
}
