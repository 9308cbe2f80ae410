import './styles/base.css';
import './styles/layout.css';
import './styles/parts.css';
import './styles/grid.css';
import { render } from 'preact';
import { start } from './api/session';
import { App } from './app';
import { startRouter } from './router';

startRouter();
const root = document.getElementById('app');
if (root) render(<App />, root);
void start();
